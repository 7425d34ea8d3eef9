from models.system.privacy import silence_telemetry

silence_telemetry()
