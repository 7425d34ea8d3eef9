"""ONNX: conversion, reading and rewriting the graph, sessions."""
