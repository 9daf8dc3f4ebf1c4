"""A tenant in a box: Identity Security Cloud on loopback, for demos, tests and DAG authors.

Start it with ``python -m sailpoint_provider.simulator``, or in a test with
:class:`sailpoint_provider.simulator.server.SimulatorServer`. It implements ISC's documents independently: it
imports nothing from the rest of this provider, and the provider never imports it.

Imports point one way: ``control`` and ``faults`` use ``api``, and ``api`` uses ``model``.
"""
