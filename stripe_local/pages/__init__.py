"""The pages that people see: paying, authenticating, onboarding. Plain HTML and form posts, no JavaScript."""
