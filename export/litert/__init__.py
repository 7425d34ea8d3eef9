"""LiteRT: conversion, reading the flatbuffer, layout and half precision."""
