"""A stand-in for Stripe that runs on this machine.

It speaks the part of Stripe's API that a marketplace with separate charges and transfers uses, so the
unmodified `stripe` SDK talks to it: `stripe.StripeClient(key, base_addresses={"api": url})`. It moves no
real money, keeps its state in one SQLite file and has a clock, faults and webhooks under the caller's control.

`python -m stripe_local --help` starts a server; `stripe_local.testing.LocalStripe` starts one inside a test.
"""
