"""The fill in a browser: the JavaScript port, the page that a phone opens, and the server for it."""
