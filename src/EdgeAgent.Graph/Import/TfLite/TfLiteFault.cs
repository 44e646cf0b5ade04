namespace EdgeAgent.Graph.Import.TfLite;

/// <summary>What is wrong inside the file; the importer adds the file's name.</summary>
internal sealed class TfLiteFault(string message) : Exception(message);
