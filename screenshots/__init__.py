"""What Souk looks like: every page on a fresh stack with the demo in it, as people meet it in a browser.

The list of pages, the browser and the people who use it are shared with tests/browser.
"""
