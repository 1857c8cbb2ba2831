"""The main job, walked over real HTTP against a fresh stack: from a seller's sign-up to payouts, and what befalls them.

Only what a later day brings (holds and reserves that end) is told to Souk by a command of its own, in `later`.
"""
