"""The seller's pages: the same services as the API, for the people a storefront's owner let in."""
