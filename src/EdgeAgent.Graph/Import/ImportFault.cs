namespace EdgeAgent.Graph.Import;

/// <summary>What is wrong inside a file, with the node or layer; <see cref="ModelImporter"/> adds the file's name.</summary>
internal sealed class ImportFault(string message, Exception? cause = null) : Exception(message, cause);
