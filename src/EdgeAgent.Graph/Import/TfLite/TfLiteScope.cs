namespace EdgeAgent.Graph.Import.TfLite;

/// <summary>One walk through a subgraph: what its tensors are called in the graph that is made, and what is known of them.</summary>
/// <param name="constants">Of each constant that was asked for, here or in an earlier walk.</param>
/// <param name="name">Names a tensor as it is stored, when that is asked for.</param>
internal sealed class TfLiteScope(TfLiteSubgraph subgraph, string?[] constants, Func<int, string> name)
{
    private readonly string?[] _names = new string?[subgraph.Tensors.Count];

    public TfLiteSubgraph Subgraph => subgraph;

    public string?[] Constants => constants;

    /// <summary>The real numbers that a tensor stands for, where something has asked for them.</summary>
    public string?[] Real { get; } = new string?[subgraph.Tensors.Count];

    /// <summary>Whether a tensor is an input or an operator has made it.</summary>
    public bool[] Stored { get; } = new bool[subgraph.Tensors.Count];

    public TfLiteBlocks Blocks { get; } = new();

    public string NameOf(int tensor) => _names[tensor] ??= name(tensor);
}
