"""The control API, which scripts the tenant and reports what really happened, and its Python client."""

from sailpoint_provider.simulator.control.client import ControlError, SimulatorControl

__all__ = ["ControlError", "SimulatorControl"]
