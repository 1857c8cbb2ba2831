"""Stripe's objects, one file per noun: their shape, their rules and the handlers of their routes."""
