"""The operators' console: static pages that live on the API alone."""
