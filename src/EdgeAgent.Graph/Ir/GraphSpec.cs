namespace EdgeAgent.Graph.Ir;

/// <summary>A named value. Dimension -1 is the dynamic batch; no other dimension may be unknown.</summary>
public sealed record ValueSpec(string Name, ElementType Type, int[] Shape);

/// <summary>One operation: an optional input that is absent is the empty string.</summary>
public sealed record Node(string Name, Operator Op, IReadOnlyList<string> Inputs, IReadOnlyList<string> Outputs)
{
    public string Output => Outputs[0];
}

/// <summary>
/// A model: nodes in topological order over named values, constants beside them. Immutable; every pass returns a new one.
/// </summary>
public sealed record GraphSpec(
    string Name,
    IReadOnlyList<ValueSpec> Inputs,
    IReadOnlyList<ValueSpec> Outputs,
    IReadOnlyList<Node> Nodes,
    IReadOnlyDictionary<string, Tensor> Constants)
{
    /// <summary>Free-form facts that travel with the model: class labels, pre-processing, the tool that wrote it.</summary>
    public IReadOnlyDictionary<string, string> Metadata { get; init; } = new Dictionary<string, string>();

    /// <summary>Checks names, order, arity and single assignment; runs between passes.</summary>
    /// <returns>The graph itself, so that a pipeline can chain it.</returns>
    /// <exception cref="InvalidGraphException">The first fault found, naming the node.</exception>
    public GraphSpec Verify()
    {
        var known = new HashSet<string>(Constants.Keys);
        foreach (var input in Inputs)
            if (!known.Add(input.Name))
                throw new InvalidGraphException($"graph {Name}: value '{input.Name}' is defined twice");
        foreach (var node in Nodes)
        {
            foreach (var input in node.Inputs)
                if (input.Length > 0 && !known.Contains(input))
                    throw new InvalidGraphException($"graph {Name}: node '{node.Name}' ({node.Op.Type}) reads '{input}', which nothing before it defines");
            foreach (var output in node.Outputs)
                if (!known.Add(output))
                    throw new InvalidGraphException($"graph {Name}: node '{node.Name}' ({node.Op.Type}) defines '{output}' a second time");
        }
        foreach (var output in Outputs)
            if (!known.Contains(output.Name))
                throw new InvalidGraphException($"graph {Name}: output '{output.Name}' is not defined");
        return this;
    }
}

/// <summary>A graph breaks an invariant of the IR; the message is one line.</summary>
public sealed class InvalidGraphException(string message) : Exception(message);
