using System.Globalization;
using System.IO.Compression;
using System.Text;
using System.Text.Json.Nodes;
using EdgeAgent.Graph.Ir;

namespace EdgeAgent.Tests.Graph.Keras;

/// <summary>A layer of a model to be written.</summary>
/// <param name="Weights">In the order in which Keras keeps them, with the path below the layer under which a .keras archive stores each (mostly empty) and its name.</param>
/// <param name="Inputs">Names of the layers whose outputs it is called with.</param>
internal sealed record KerasFileLayer(string Class, string Name, JsonObject Config, IReadOnlyList<(string Path, string Name, Tensor Value)> Weights, IReadOnlyList<string> Inputs);

/// <summary>Writes Functional models as Keras 2 does (.h5) and as Keras 3 does (.keras).</summary>
internal sealed class KerasFile
{
    private readonly List<KerasFileLayer> _layers = [];
    private readonly Dictionary<string, JsonObject> _named = [];

    /// <summary>Adds a layer and gives its name; settings that are not given have Keras's defaults in every reader.</summary>
    public string Layer(string type, JsonObject config, IReadOnlyList<(string Name, Tensor Value)> weights, params string[] inputs) =>
        Layer(type, config, [.. weights.Select(w => ("", w.Name, w.Value))], inputs);

    public string Layer(string type, JsonObject config, IReadOnlyList<(string Path, string Name, Tensor Value)> weights, params string[] inputs)
    {
        var name = $"{type.ToLowerInvariant()}_{_layers.Count}";
        config["name"] = name;
        _layers.Add(new(type, name, config, weights, inputs));
        return name;
    }

    /// <summary>A layer that is called with arguments by name: the name of a layer is its output.</summary>
    public string Call(string type, JsonObject config, IReadOnlyList<(string Path, string Name, Tensor Value)> weights, JsonObject named, params string[] inputs)
    {
        var name = Layer(type, config, weights, inputs);
        _named[name] = named;
        return name;
    }

    public string Input(params int[] shape) =>
        Layer("InputLayer", new JsonObject { ["batch_input_shape"] = new JsonArray([null, .. shape.Select(d => (JsonNode)d)]), ["dtype"] = "float32" }, (IReadOnlyList<(string, Tensor)>)[]);

    /// <summary>An .h5 of Keras 2: the configuration is an attribute, each layer's weights a group with their names.</summary>
    public byte[] ToHdf5(params string[] outputs)
    {
        var root = new Hdf5Group();
        root.Attributes["keras_version"] = "2.12.0";
        root.Attributes["backend"] = "tensorflow";
        root.Attributes["model_config"] = Configuration(outputs, keras3: false).ToJsonString();
        var weights = root.At("model_weights");
        weights.Attributes["layer_names"] = _layers.ConvertAll(l => l.Name);
        foreach (var layer in _layers)
        {
            var group = weights.At(layer.Name);
            var names = layer.Weights.Select(w => $"{layer.Name}/{(w.Path.Length > 0 ? w.Path + "/" : "")}{w.Name}:0").ToList();
            group.Attributes["weight_names"] = names;
            foreach (var (name, weight) in names.Zip(layer.Weights))
                group.Add(name, weight.Value);
        }
        return Hdf5Writer.Write(root);
    }

    /// <summary>A .keras archive of Keras 3: configuration, metadata and weights, numbered in groups that are counted by class.</summary>
    public byte[] ToArchive(params string[] outputs)
    {
        var root = new Hdf5Group();
        var counts = new Dictionary<string, int>();
        foreach (var layer in _layers)
        {
            var count = counts[layer.Class] = counts.GetValueOrDefault(layer.Class) + 1;
            var group = $"layers/{SnakeCase(layer.Class)}{(count > 1 ? "_" + (count - 1).ToString(CultureInfo.InvariantCulture) : "")}";
            root.At(group + "/vars");
            foreach (var part in layer.Weights.GroupBy(w => w.Path))
                foreach (var (index, weight) in part.Index())
                    root.Add($"{group}/{(part.Key.Length > 0 ? part.Key + "/" : "")}vars/{index.ToString(CultureInfo.InvariantCulture)}", weight.Value);
        }
        return Archive(Configuration(outputs, keras3: true).ToJsonString(), Hdf5Writer.Write(root));
    }

    /// <summary>
    /// A .keras archive of Keras 2.12 to 2.15: its list of layers names one with weights a second time, which counts; groups of the
    /// names of classes lie in "_layer_checkpoint_dependencies", on Windows as one name with backslashes.
    /// </summary>
    public byte[] ToKeras2Archive(bool windows, params string[] outputs)
    {
        var root = new Hdf5Group();
        root.At("vars");
        var counts = new Dictionary<string, int>();
        foreach (var layer in _layers)
        {
            var count = counts.GetValueOrDefault(layer.Class);
            counts[layer.Class] = count + (layer.Weights.Count > 0 ? 2 : 1);
            var group = $"_layer_checkpoint_dependencies/{SnakeCase(layer.Class)}{(count > 0 ? "_" + count.ToString(CultureInfo.InvariantCulture) : "")}";
            string Group(string part) => (part.Length > 0 ? $"{group}/{part}" : group) is var path && windows ? path.Replace('/', '\\') : path;
            root.At(Group("") + "/vars");
            foreach (var part in layer.Weights.GroupBy(w => w.Path))
                foreach (var (index, weight) in part.Index())
                    root.Add($"{Group(part.Key)}/vars/{index.ToString(CultureInfo.InvariantCulture)}", weight.Value);
        }
        return Archive(Configuration(outputs, keras3: false).ToJsonString(), Hdf5Writer.Write(root), "2.13.1");
    }

    public static byte[] Archive(string config, byte[] weights, string version = "3.3.3")
    {
        using var bytes = new MemoryStream();
        using (var archive = new ZipArchive(bytes, ZipArchiveMode.Create))
            foreach (var (name, content) in ((string, byte[])[])[("metadata.json", Encoding.UTF8.GetBytes($$"""{"keras_version": "{{version}}"}""")), ("config.json", Encoding.UTF8.GetBytes(config)), ("model.weights.h5", weights)])
                using (var entry = archive.CreateEntry(name, CompressionLevel.NoCompression).Open())
                    entry.Write(content);
        return bytes.ToArray();
    }

    private JsonObject Configuration(string[] outputs, bool keras3)
    {
        JsonArray References(IEnumerable<string> names) => new([.. names.Select(Reference)]);
        return new()
        {
            ["class_name"] = "Functional",
            ["config"] = new JsonObject
            {
                ["name"] = "model",
                ["layers"] = new JsonArray([.. _layers.Select(l => keras3 ? Layer3(l) : Layer2(l))]),
                ["input_layers"] = References(_layers.Where(l => l.Class == "InputLayer").Select(l => l.Name)),
                ["output_layers"] = References(outputs),
            },
        };
    }

    /// <summary>"layer" or, of its results, "layer:1".</summary>
    private static JsonArray Reference(string text) => text.Split(':') is [var layer, var tensor] ? new(layer, 0, int.Parse(tensor, CultureInfo.InvariantCulture)) : new(text, 0, 0);

    private JsonObject Named(string layer, Func<string, JsonNode> tensor) =>
        _named.TryGetValue(layer, out var named) ? new([.. named.Select(n => KeyValuePair.Create(n.Key, n.Value?.GetValueKind() == System.Text.Json.JsonValueKind.String && _layers.Any(l => l.Name == n.Value.GetValue<string>().Split(':')[0]) ? tensor(n.Value.GetValue<string>()) : n.Value?.DeepClone()))]) : [];

    /// <summary>Keras 2: calls are lists of [layer, call, tensor, arguments].</summary>
    private JsonObject Layer2(KerasFileLayer layer) => new()
    {
        ["class_name"] = layer.Class,
        ["name"] = layer.Name,
        ["config"] = layer.Config.DeepClone(),
        ["inbound_nodes"] = layer.Inputs.Count == 0 ? [] : new JsonArray(new JsonArray([.. layer.Inputs.Select(i => Reference(i) is var r ? new JsonArray([.. r.Select(p => p!.DeepClone()), Named(layer.Name, Reference)]) : null)])),
    };

    /// <summary>Keras 3: calls hold the arguments of the Python call; inputs say "batch_shape".</summary>
    private JsonObject Layer3(KerasFileLayer layer)
    {
        var config = (JsonObject)layer.Config.DeepClone();
        if (config.Remove("batch_input_shape", out var shape))
            config["batch_shape"] = shape;
        static JsonNode Tensor(string of) => new JsonObject
        {
            ["class_name"] = "__keras_tensor__",
            ["config"] = new JsonObject { ["shape"] = new JsonArray(), ["dtype"] = "float32", ["keras_history"] = Reference(of) },
        };
        var tensors = layer.Inputs.Select(Tensor).ToArray();
        var further = _named.TryGetValue(layer.Name, out var named) && named.Remove("args", out var args) ? args!.AsArray().Select(a => a?.DeepClone()) : null;
        return new()
        {
            ["module"] = layer.Class.StartsWith("ops.", StringComparison.Ordinal) ? "keras.src.ops.numpy" : "keras.layers",
            ["class_name"] = layer.Class.Replace("ops.", "", StringComparison.Ordinal),
            ["name"] = layer.Name,
            ["config"] = config,
            ["registered_name"] = null,
            ["inbound_nodes"] = tensors.Length == 0 ? [] : new JsonArray(new JsonObject
            {
                // Layers that merge take one list; "args" are further arguments by position.
                ["args"] = tensors.Length == 1 || further is not null ? new JsonArray([.. tensors, .. further ?? []]) : new JsonArray(new JsonArray(tensors)),
                ["kwargs"] = Named(layer.Name, Tensor),
            }),
        };
    }

    /// <summary>"SeparableConv2D" to "separable_conv2d": an underscore before a capital that a small letter follows, and between a small letter and a capital.</summary>
    private static string SnakeCase(string name)
    {
        var text = new StringBuilder();
        for (var i = 0; i < name.Length; i++)
        {
            var starts = i > 0 && char.IsUpper(name[i]) && (char.IsLower(name[i - 1]) || i + 1 < name.Length && char.IsLower(name[i + 1]));
            text.Append(starts ? "_" : "").Append(char.ToLowerInvariant(name[i]));
        }
        return text.ToString();
    }
}
