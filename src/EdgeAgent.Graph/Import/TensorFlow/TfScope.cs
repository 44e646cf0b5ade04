namespace EdgeAgent.Graph.Import.TensorFlow;

/// <summary>An output of a node, or an argument of a function.</summary>
internal readonly record struct TfEdge(string Node, int Port)
{
    private static readonly string[] _batchNormOutputs = ["y", "batch_mean", "batch_variance", "reserve_space_1", "reserve_space_2", "reserve_space_3"];

    /// <summary>
    /// Reads "node", "node:port" (graphs) or "node:output:index" (function bodies); null for a control edge, which orders effects
    /// and carries nothing.
    /// </summary>
    public static TfEdge? Parse(string text)
    {
        if (text.StartsWith('^'))
            return null;
        var parts = text.Split(':');
        if (parts.Length == 1)
            return new(text, 0);
        if (!int.TryParse(parts[^1], out var port) || port is < 0 or > 1 << 16 || parts.Length > 3)
            throw new ImportFault($"'{ModelImportException.OneLine(text)}' is no output of a node; the file is damaged");
        // Of the operators converted here only batch-norm has several named outputs; all others count theirs from the first.
        return new(parts[0], parts.Length == 3 && Array.IndexOf(_batchNormOutputs, parts[1]) is > 0 and var named ? named + port : port);
    }
}

/// <summary>One body of nodes: the main graph, or a function with its arguments bound.</summary>
internal sealed class TfScope
{
    private readonly Dictionary<string, NodeDef> _nodes = [];

    public TfScope(IEnumerable<NodeDef> nodes, string name)
    {
        Name = name;
        foreach (var node in nodes)
            if (!_nodes.TryAdd(node.Name, node))
                throw TfNode.FaultOf(node, "another node has the same name");
    }

    public string Name { get; }

    /// <summary>What is known so far: inputs and arguments, then the outputs of converted nodes.</summary>
    public Dictionary<TfEdge, TfValue> Values { get; } = [];

    /// <summary>Nodes all of whose outputs, however many, are the same: not computed, or not known.</summary>
    public Dictionary<string, TfValue> Skipped { get; } = [];

    public NodeDef? Find(string name) => _nodes.GetValueOrDefault(name);

    /// <summary>The nodes that <paramref name="wanted"/> depend on, each after those it reads; a cycle is refused.</summary>
    public IReadOnlyList<NodeDef> Order(IEnumerable<TfEdge> wanted)
    {
        var order = new List<NodeDef>();
        var open = new Dictionary<string, bool>();
        var stack = new Stack<(NodeDef Node, int Next)>();
        foreach (var edge in wanted)
        {
            Visit(edge, reader: null);
            while (stack.TryPop(out var top))
            {
                if (top.Next < top.Node.Input.Count)
                {
                    stack.Push((top.Node, top.Next + 1));
                    if (TfEdge.Parse(top.Node.Input[top.Next]) is { } input)
                        Visit(input, top.Node);
                    continue;
                }
                open[top.Node.Name] = false;
                order.Add(top.Node);
            }
        }
        return order;

        void Visit(TfEdge edge, NodeDef? reader)
        {
            if (Values.ContainsKey(edge))
                return;
            if (Find(edge.Node) is not { } node)
                throw reader is null
                    ? new ImportFault($"output '{ModelImportException.OneLine(edge.Node)}' of {Name} is computed by no node")
                    : TfNode.FaultOf(reader, $"reads '{ModelImportException.OneLine(edge.Node)}', which nothing defines");
            if (open.TryGetValue(node.Name, out var unfinished))
            {
                if (unfinished)
                    throw TfNode.FaultOf(node, "is part of a cycle; a model must be acyclic");
                return;
            }
            open[node.Name] = true;
            stack.Push((node, 0));
        }
    }
}
