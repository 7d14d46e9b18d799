"""What the documentation says: openapi.json, made of the schemas and the operations."""

# What a body may be written in.
JSON = "application/json"
FORM = "application/x-www-form-urlencoded"
MULTIPART = "multipart/form-data"
