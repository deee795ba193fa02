"""Mutation testing: small faults are put into the code, and a test has to notice each of them.

``make mutants`` makes one change at a time (:mod:`tests.mutants.make`), runs the worked examples,
generated lives beside the oracle and the unit tests against it (:mod:`tests.mutants.judge`), and
compares what nobody noticed with ``accepted.txt``, where each accepted one has its reason.
"""
