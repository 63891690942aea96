"""A stack that measurements are posted to while whatever can happen to it happens, at random moments.

At the end every 202 is counted, a repeat, or in the rejects, exactly once; the totals are those of an oracle
that shares no code with the product; `verify` agrees; messages are repeated only after the teller died.

`plan.py` chooses and times the faults, `faults.py` and its neighbours are what they do, `campaign.py` posts
and compares.
"""
