"""ISC's API: endpoints, responses, models, versions and paging."""
