"""Translate, price and send calls to language-model providers, and read their replies.

Face: `client.LiteLLMClient`, the adapter of `core.ports.ModelClient`. The only package that imports litellm; it never
retries, never holds or settles money, and never sends a request without an output cap.
"""
