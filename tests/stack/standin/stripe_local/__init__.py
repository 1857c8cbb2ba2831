"""Stand-in for local Stripe."""
