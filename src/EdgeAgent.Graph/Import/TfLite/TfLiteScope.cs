namespace EdgeAgent.Graph.Import.TfLite;

/// <summary>One walk through a subgraph: what its tensors are called in the graph that is made, and what is known of them.</summary>
/// <param name="names">Of each tensor as it is stored.</param>
/// <param name="constants">Of each constant that was asked for, here or in an earlier walk.</param>
internal sealed class TfLiteScope(TfLiteSubgraph subgraph, string[] names, string?[] constants)
{
    public TfLiteSubgraph Subgraph => subgraph;

    public string[] Names => names;

    public string?[] Constants => constants;

    /// <summary>The real numbers that a tensor stands for, where something has asked for them.</summary>
    public string?[] Real { get; } = new string?[names.Length];

    /// <summary>Whether a tensor is an input or an operator has made it.</summary>
    public bool[] Stored { get; } = new bool[names.Length];

    public TfLiteBlocks Blocks { get; } = new();
}
