from models.privacy import silence_telemetry

silence_telemetry()
