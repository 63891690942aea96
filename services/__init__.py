"""The services of Groenmeter; see CONTRIBUTING.md for where things are."""
