"""Everything that runs Souk on one machine: PostgreSQL, local Stripe, web, worker and the demo."""
