"""What makes the documentation site of docs/: mkdocs.yml, scripts/docs."""
