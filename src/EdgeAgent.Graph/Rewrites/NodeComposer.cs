using EdgeAgent.Graph.Ir;

namespace EdgeAgent.Graph.Rewrites;

/// <summary>Collects the nodes of a graph that is written anew, where some nodes become several: names and constants for them.</summary>
internal sealed class NodeComposer(GraphSpec graph)
{
    private readonly HashSet<string> _names =
        [.. graph.Constants.Keys, .. graph.Inputs.Select(i => i.Name), .. graph.Nodes.SelectMany(n => n.Outputs)];

    /// <summary>Where the search for a free number goes on: an unrolled layer asks for the same name at every step.</summary>
    private readonly Dictionary<string, int> _taken = [];
    private readonly List<Node> _nodes = new(graph.Nodes.Count);
    private readonly Dictionary<string, Tensor> _constants = graph.Constants.ToDictionary();

    public GraphSpec Graph => graph with { Nodes = _nodes, Constants = _constants };

    public void Keep(Node node) => _nodes.Add(node);

    /// <summary>An operator that is a part of <paramref name="whole"/>; returns the name of its result.</summary>
    public string Part(Node whole, Operator op, params string[] inputs)
    {
        var output = Fresh($"{whole.Output}_{op.Type.ToLowerInvariant()}");
        _nodes.Add(new(output, op, inputs, [output]));
        return output;
    }

    /// <summary>The operator that makes the result of <paramref name="whole"/>.</summary>
    public void Last(Node whole, Operator op, params string[] inputs) => _nodes.Add(new(whole.Name, op, inputs, whole.Outputs));

    /// <summary>The operator that makes one of several results.</summary>
    public void Last(Node whole, int output, Operator op, params string[] inputs) => _nodes.Add(new($"{whole.Name}_{output}", op, inputs, [whole.Outputs[output]]));

    public string Number(Node whole, float value) => Constant(whole, "number", Tensor.Of([value]));

    public string Constant(Node whole, string what, Tensor tensor)
    {
        var name = Fresh($"{whole.Output}_{what}");
        _constants[name] = tensor;
        return name;
    }

    private string Fresh(string wanted)
    {
        var number = _taken.GetValueOrDefault(wanted);
        var name = number == 0 ? wanted : $"{wanted}_{number}";
        while (!_names.Add(name))
            name = $"{wanted}_{++number}";
        _taken[wanted] = number + 1;
        return name;
    }
}
