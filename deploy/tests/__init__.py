"""Proofs of deploy/: one module for each folder; see deploy/test."""
