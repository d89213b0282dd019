using System.Text.Json;
using System.Text.Json.Serialization;
using NetBird.Primitives;

namespace NetBird.ControlPlane.Store;

/// <summary>Identifiers as plain strings, also as keys of objects; anything that is not one is refused.</summary>
internal sealed class IdentifierConverterFactory : JsonConverterFactory
{
    public override bool CanConvert(Type typeToConvert)
        => typeToConvert.IsValueType && Array.Exists(typeToConvert.GetInterfaces(), face =>
            face.IsGenericType && face.GetGenericTypeDefinition() == typeof(IIdentifier<>));

    public override JsonConverter CreateConverter(Type typeToConvert, JsonSerializerOptions options)
        => (JsonConverter)Activator.CreateInstance(typeof(Converter<>).MakeGenericType(typeToConvert))!; // never null for a class

    private sealed class Converter<TId> : JsonConverter<TId>
        where TId : struct, IIdentifier<TId>
    {
        public override TId Read(ref Utf8JsonReader reader, Type typeToConvert, JsonSerializerOptions options)
            => Parse(reader.GetString());

        public override void Write(Utf8JsonWriter writer, TId value, JsonSerializerOptions options)
            => writer.WriteStringValue(value.Value);

        public override TId ReadAsPropertyName(ref Utf8JsonReader reader, Type typeToConvert, JsonSerializerOptions options)
            => Parse(reader.GetString());

        public override void WriteAsPropertyName(Utf8JsonWriter writer, TId value, JsonSerializerOptions options)
            => writer.WritePropertyName(value.Value);

        private static TId Parse(string? text)
            => TId.TryParse(text, out var id) ? id : throw new JsonException($"Not a {typeof(TId).Name}.");
    }
}
