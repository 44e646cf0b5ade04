namespace EdgeAgent.Graph.Import;

/// <summary>What is wrong inside a file, with the node or layer; <see cref="ModelImporter"/> adds the file's name.</summary>
internal sealed class ImportFault(string message, Exception? cause = null) : Exception(message, cause)
{
    /// <summary>For operators, layers and functions of a format: what to do, in place of a list of hundreds of names.</summary>
    public const string SeeList = "export the model without it (the README of EdgeAgent.Graph lists what is supported)";

    public const string UnsupportedOperator = "the operator is not supported; " + SeeList;
}
