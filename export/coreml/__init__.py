"""Core ML: conversion, reading a saved package, and evaluating it without Core ML."""
