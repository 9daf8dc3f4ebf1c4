"""A tenant in a box: Identity Security Cloud on loopback, for demos, tests and DAG authors.

Start it with ``python -m sailpoint_provider.simulator``, or in a test with
:class:`sailpoint_provider.simulator.server.SimulatorServer`. It is an independent reading of ISC's documents:
it imports nothing from the rest of this provider, and nothing of the provider imports it.
"""
