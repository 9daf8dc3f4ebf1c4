"""Tests of the tenant in a box with SailPoint's own clients and OpenAPI documents."""
