namespace EdgeAgent.Graph.Import;

/// <summary>What is wrong inside a file, with the node or layer; the importer adds the file's name.</summary>
internal sealed class ImportFault(string message) : Exception(message);
