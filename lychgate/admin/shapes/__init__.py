"""What calls take and what they answer, as shapes that the OpenAPI document is made from."""
