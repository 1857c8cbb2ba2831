"""The operator's desk on the marketplace's host: storefronts, money, and the machinery. In English, as the admin is."""
