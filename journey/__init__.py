"""The main job, walked over real HTTP against a fresh stack: from a seller's sign-up to a payout."""
