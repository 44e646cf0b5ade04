namespace EdgeAgent.Device.Inference;

/// <summary>A model that is signed and whole but cannot run here; the message is one line.</summary>
internal sealed class ModelUnusableException(string message, Exception? inner = null) : Exception(message, inner);
