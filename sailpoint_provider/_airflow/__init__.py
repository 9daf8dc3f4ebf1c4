"""What operators, sensors, triggers and the hook share: errors, deferral, task state, parameter checks."""
