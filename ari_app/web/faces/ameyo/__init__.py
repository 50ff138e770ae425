"""Ameyo's click to dial: a command by which a CRM has an agent and a customer speak, and is told what became of it.

What is known of it is Ameyo's "Click to Dial API" (VQ API-v1, 13 May 2020), and how programs write its requests.
"""
