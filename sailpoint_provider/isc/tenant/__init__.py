"""Where and as whom to call: configuration, URLs and OAuth."""
