"""Reading over HTTP and on the command line: totals, events and rejects, with every list in one form."""
