"""Gradio's protocols: `queue` as its clients speak today, `v2` as Gradio 2 did."""
