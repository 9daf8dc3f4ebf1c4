"""Which tenant to call, and with which credentials: connection fields, URLs and OAuth."""
