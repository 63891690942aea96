"""Reading over HTTP and on the command line: totals, targets, events, rejects; every list in one form."""
