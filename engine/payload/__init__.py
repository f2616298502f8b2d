"""Payloads to samples, by a source's own description of them."""

from .batch import DeadLetter, Decoded
from .decoder import Decoder, Message, compile_decoder

__all__ = ["DeadLetter", "Decoded", "Decoder", "Message", "compile_decoder"]
