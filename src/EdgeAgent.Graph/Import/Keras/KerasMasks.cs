using EdgeAgent.Graph.Import.ChannelsLast;
using EdgeAgent.Graph.Ir;

namespace EdgeAgent.Graph.Import.Keras;

/// <summary>
/// The masks that travel with sequences: [batch, steps], 1 where a step counts. An Embedding or a Masking makes one; layers that work
/// step by step hand it on; recurrent layers, averages and attention skip what it leaves out; all others lose it, as in Keras.
/// </summary>
internal sealed class KerasMasks(ChannelsLastGraph graph)
{
    private static readonly HashSet<string> _handsOn =
    [
        "Activation", "ActivityRegularization", "AlphaDropout", "BatchNormalization", "Dense", "Dropout", "ELU", "EinsumDense", "GaussianDropout", "GaussianNoise", "GroupNormalization",
        "Identity", "LayerNormalization", "LeakyReLU", "Normalization", "PReLU", "RMSNormalization", "ReLU", "Rescaling", "SpatialDropout1D", "ThresholdedReLU", "TimeDistributed", "UnitNormalization",
        "MultiHeadAttention", "Attention", "AdditiveAttention",
    ];

    private static readonly HashSet<string> _recurrent = ["Bidirectional", "GRU", "LSTM", "SimpleRNN"];
    private static readonly HashSet<string> _merging = ["Add", "Average", "Concatenate", "Maximum", "Minimum", "Multiply", "Subtract"];

    private readonly Dictionary<string, Laid> _masks = [];

    /// <summary>Values whose masks differ from one another before they were merged: what Keras makes of them depends on its version.</summary>
    private readonly HashSet<string> _unclear = [];

    public Laid? Of(Laid value, KerasLayer reader) => _unclear.Contains(value.Name)
        ? throw reader.Fault("skips what a mask leaves out, and the mask comes from a merge of values with different masks, which is not supported")
        : _masks.TryGetValue(value.Name, out var mask) ? mask : null;

    /// <summary>Notes the masks of what a layer has made.</summary>
    public void After(KerasLayer layer, IReadOnlyList<Laid> inputs, IReadOnlyList<Laid> results)
    {
        if (results.Count == 0 || inputs.Count == 0)
            return;
        if (layer.Class == "Embedding" && layer.Config["mask_zero"].Flag(false))
            _masks[results[0].Name] = Unequal(layer.Name + "_mask", inputs[0], 0);
        else if (layer.Class == "Masking")
            _masks[results[0].Name] = Steps(layer.Name + "_mask", Unequal(layer.Name + "_unequal", inputs[0], (float)layer.Config["mask_value"].Number(0)));
        else if (_handsOn.Contains(KerasLayers.NameOf(layer)) || _recurrent.Contains(layer.Class) && Sequences(layer))
            Hand(inputs[0], results[0]);
        else if (_merging.Contains(layer.Class) && inputs.Any(Masked))
        {
            var masks = inputs.Select(i => _masks.GetValueOrDefault(i.Name)).Distinct().ToArray();
            var samePlace = layer.Class != "Concatenate" || layer.Config["axis"].Int(-1) is -1 or 2;
            if (masks is [var same] && samePlace && !inputs.Any(i => _unclear.Contains(i.Name)))
                _masks[results[0].Name] = same;
            else
                _unclear.Add(results[0].Name);
        }
    }

    /// <summary>x with the steps that are masked set to 0.</summary>
    public Laid Zeroed(KerasLayer layer, Laid x)
    {
        var steps = Steps(layer.Name + "_kept", Unequal(layer.Name + "_differs", x, (float)layer.Config["mask_value"].Number(0)));
        return graph.Binary(layer.Name, new Mul(), new(graph.Plain(x)), graph.Reshape(layer.Name + "_steps", steps, [.. graph.Shape(x)[..^1], 1], layer.Fault));
    }

    private bool Masked(Laid value) => _masks.ContainsKey(value.Name) || _unclear.Contains(value.Name);

    private void Hand(Laid from, Laid to)
    {
        if (_unclear.Contains(from.Name))
            _unclear.Add(to.Name);
        else if (_masks.TryGetValue(from.Name, out var mask))
            _masks[to.Name] = mask;
    }

    /// <summary>1 where an element is not <paramref name="value"/>.</summary>
    private Laid Unequal(string name, Laid x, float value)
    {
        var plain = graph.Plain(x);
        var type = graph.Assembly.Value(plain).Type;
        var number = graph.Assembly.Constant(name + "_value", type switch
        {
            ElementType.Int32 => Tensor.Of([(int)value], []),
            ElementType.Int64 => Tensor.Of([(long)value], []),
            _ => Tensor.Of([value], []),
        });
        var differs = graph.Assembly.Emit(name + "_differs", new Not(), graph.Assembly.Emit(name + "_equal", new Equal(), plain, number));
        return new(graph.Assembly.Emit(name, new Cast(ElementType.Float32), differs));
    }

    /// <summary>1 where any feature of a step is 1.</summary>
    private Laid Steps(string name, Laid features) => new(graph.Assembly.Emit(name, new ReduceMax([graph.Shape(features).Length - 1], false), features.Name));

    private static bool Sequences(KerasLayer layer) => (layer.Class == "Bidirectional" ? new KerasLayer(layer.Config["layer"]) : layer).Config["return_sequences"].Flag(false);
}
