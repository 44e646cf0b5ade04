using System.Globalization;
using System.Text.RegularExpressions;
using EdgeAgent.Graph.Ir;

namespace EdgeAgent.Graph.Import.Keras;

/// <summary>
/// Weights of a .keras archive: a group for each layer, named by its class in snake case and counted, that holds its variables by
/// number. Older Keras 3 archives and saved weights call the group by the layer's own name. Keras 2.12 to 2.15 keeps the groups in
/// a container of another name, and counts a layer that has variables twice.
/// </summary>
internal sealed partial class StateWeights(Hdf5Reader file, string root = "") : IKerasWeights
{
    /// <summary>Where a layer's own variables are, and those of a layer or recurrent cell inside it.</summary>
    private static readonly string[] _parts = [
        "", "cell/", "layer/", "layer/cell/", "forward_layer/cell/", "backward_layer/cell/",
        // Attention's projections, in the order of its weights; older versions have an underscore in front.
        "query_dense/", "_query_dense/", "key_dense/", "_key_dense/", "value_dense/", "_value_dense/", "output_dense/", "_output_dense/",
    ];

    /// <summary>Models in models, with containers and cells between them, are far less deep.</summary>
    private const int MaxDepth = 64;

    /// <summary>
    /// Whether the container is that of Keras 2: a list of layers in which one with variables stands as "layer_with_weights-0" and then
    /// again as "layer-1". What stands there a second time has been saved already, but its name is counted.
    /// </summary>
    private readonly bool _listedTwice = file.Exists($"{root}_layer_checkpoint_dependencies");

    public int[] Orders(IReadOnlyList<KerasLayer> layers)
    {
        var next = new Dictionary<string, int>();
        return [.. layers.Select(layer =>
        {
            var order = next.GetValueOrDefault(layer.Class);
            next[layer.Class] = order + (_listedTwice && HoldsVariables(Group(layer, order)) ? 2 : 1);
            return order;
        })];
    }

    public IKerasWeights Nested(KerasLayer layer, int order) => new StateWeights(file, Group(layer, order) + (layer.Class == "TimeDistributed" ? "/layer/" : "/"));

    public IReadOnlyList<(string Name, Func<Tensor> Read)> Of(KerasLayer layer, int order)
    {
        var group = Group(layer, order);
        return [.. _parts.SelectMany(part => Variables($"{group}/{part}vars"))];
    }

    private IEnumerable<(string Name, Func<Tensor> Read)> Variables(string group) => file.Exists(group)
        ? Enumerable.Range(0, file.Children(group).Count).Select(i => ("", (Func<Tensor>)(() => file.Weight($"{group}/{i.ToString(CultureInfo.InvariantCulture)}"))))
        : [];

    private string Group(KerasLayer layer, int order)
    {
        var counted = order == 0 ? SnakeCase(layer.Class) : $"{SnakeCase(layer.Class)}_{order.ToString(CultureInfo.InvariantCulture)}";
        if (_listedTwice)
            return $"{root}_layer_checkpoint_dependencies/{counted}";
        return !file.Exists($"{root}layers/{counted}") && file.Exists($"{root}layers/{layer.Name}") ? $"{root}layers/{layer.Name}" : $"{root}layers/{counted}";
    }

    private bool HoldsVariables(string group, int depth = 0) =>
        depth < MaxDepth && file.Children(group).Any(child => file.IsDataset($"{group}/{child}") || HoldsVariables($"{group}/{child}", depth + 1));

    /// <summary>Keras's rule: "SeparableConv2D" is "separable_conv2d", "PReLU" is "p_re_lu".</summary>
    private static string SnakeCase(string name) => LowerThenUpper().Replace(AnyThenWord().Replace(name, "$1_$2"), "$1_$2").ToLowerInvariant();

    [GeneratedRegex("(.)([A-Z][a-z]+)")]
    private static partial Regex AnyThenWord();

    [GeneratedRegex("([a-z])([A-Z])")]
    private static partial Regex LowerThenUpper();
}
