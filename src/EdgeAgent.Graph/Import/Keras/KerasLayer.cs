using EdgeAgent.Graph.Import.ChannelsLast;
using EdgeAgent.Graph.Ir;

namespace EdgeAgent.Graph.Import.Keras;

/// <summary>A layer of the model's configuration.</summary>
internal sealed class KerasLayer
{
    public KerasLayer(KerasJson json)
    {
        Class = json["class_name"].Text();
        Config = json["config"];
        Name = json["name"].Text(Config.IsObject ? Config["name"].Text(Class) : Class);
        Place = $"layer '{ModelImportException.OneLine(Name)}' ({ModelImportException.OneLine(Class)})";
        Config = Config with { Place = Place };
        Calls = json["inbound_nodes"] with { Place = Place };
        BuildConfig = json["build_config"] with { Place = Place };
        Module = json["module"].Text();
    }

    /// <summary>The Python class, e.g. "Conv2D".</summary>
    public string Class { get; }

    /// <summary>The Python module, which tells layers from functions of tensors; empty before Keras 3.</summary>
    public string Module { get; }

    public string Name { get; }

    /// <summary>How errors name the layer.</summary>
    public string Place { get; }

    public KerasJson Config { get; }

    /// <summary>What the layer is called with, once for each call.</summary>
    public KerasJson Calls { get; }

    public KerasJson BuildConfig { get; }

    public bool IsModel => Class is "Functional" or "Model" or "Sequential";

    public ImportFault Fault(string what) => new($"{Place}: {what}");
}

/// <summary>A layer being called: its weights and the values it is called with.</summary>
internal sealed class KerasCall(KerasLayer layer, IReadOnlyList<Laid> inputs, IReadOnlyList<(string Name, Func<Tensor> Read)> weights, ChannelsLastGraph graph)
{
    /// <summary>Values passed by name, in the order of the call.</summary>
    public IReadOnlyList<(string Name, Laid Value)> Named { get; init; } = [];

    /// <summary>What else the call says, by name.</summary>
    public KerasJson Options { get; init; }

    /// <summary>Of the model that the layer is part of.</summary>
    public KerasMasks? Masks { get; init; }

    /// <summary>A value passed by name or, from the second on, by position.</summary>
    public Laid? Argument(string name, int position) =>
        Named.Where(n => n.Name == name).Select(n => (Laid?)n.Value).FirstOrDefault() ?? (position > 0 && position < inputs.Count ? inputs[position] : null);

    public KerasJson Option(string name) => (Options with { Place = layer.Place })[name];

    /// <summary>The steps of a value that count, if not all do.</summary>
    public Laid? MaskOf(Laid value) => Masks?.Of(value, layer);

    public KerasLayer Layer => layer;

    public string Name => layer.Name;

    public KerasJson Config => layer.Config;

    public ChannelsLastGraph Graph => graph;

    public IReadOnlyList<Laid> Inputs => inputs;

    public Laid X => inputs.Count > 0 ? inputs[0] : throw layer.Fault("is called with nothing");

    public int[] Shape => graph.Shape(X);

    public int WeightCount => weights.Count;

    /// <summary>A weight by its name or, where the file stores no names, by its position.</summary>
    public Tensor Weight(string name, int position, int rank) => Weight(name, position, rank, name);

    private Tensor Weight(string name, int position, int rank, string shown)
    {
        var named = name.Length > 0 ? weights.FirstOrDefault(w => w.Name == name).Read : null;
        var read = named ?? (position < weights.Count ? weights[position].Read : throw layer.Fault($"its {shown} is not in the file ({weights.Count} weights are); save the model with its weights"));
        var tensor = read();
        return tensor.Shape.Length == rank || rank < 0 ? tensor : throw layer.Fault($"its {shown} has the shape [{string.Join(',', tensor.Shape)}], where {rank} axes are needed");
    }

    /// <summary>A weight by its position alone, where two layers have the same names.</summary>
    public Tensor WeightAt(int position, string name, int rank) => Weight("", position, rank, name);

    public ImportFault Fault(string what) => layer.Fault(what);

    /// <summary>Whether the layer sees channels on axis 1; only its own axes are asked, not those of the model.</summary>
    public bool ChannelsFirst => Config["data_format", "dim_ordering"].Text("channels_last") switch
    {
        "channels_last" or "tf" or "default" => false,
        "channels_first" or "th" => true,
        var other => throw Fault($"data_format '{ModelImportException.OneLine(other)}' is unknown"),
    };

    /// <summary>The input with its spatial axes where convolutions and pools want them, and the result as the model has it.</summary>
    public (Laid X, Func<Laid, Laid> Result) Spatial(int axes)
    {
        if (Shape.Length != axes + 2)
            throw Fault($"input [{string.Join(',', Shape)}] does not have {axes} spatial axes");
        return ChannelsFirst ? (new(graph.Plain(X), Planar: true), y => new(y.Name)) : (X, y => y);
    }
}
