"""The buyer's pages: rendered on the server, working without JavaScript."""
